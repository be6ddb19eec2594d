import { type Output, openOutput } from '../../shared/states/outputs.ts'
import { defineResource } from '../jsonapi/document.ts'
import type { Context } from '../route.ts'

const outputResource = (showsSensitive: boolean) =>
  defineResource<Output>({
    type: 'state-version-outputs',
    id: (o) => o.id,
    attributes(o, ctx: Context) {
      const { value, type } = openOutput(ctx.app, o)
      return {
        name: o.name,
        sensitive: o.sensitive,
        type: o.type,
        value: o.sensitive && !showsSensitive ? null : value,
        'detailed-type': type,
      }
    },
    links: (o) => ({ self: `/api/v2/state-version-outputs/${o.id}` }),
  })

/** Read alone, an output shows its value; the client asks so for each sensitive one that it needs. */
export const output = outputResource(true)

/** In lists of a workspace and included, sensitive values are null. */
export const outputInList = outputResource(false)
