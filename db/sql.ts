import { createSqlTag } from 'slonik'
import { z } from 'zod'

/** The one SQL tag. Every statement names its row schema: `sql.type(Row)`…``, or `sql.void`…`` for none. */
const tag = createSqlTag()

const voidType = tag.type(z.unknown())

export const sql = {
  type: tag.type,
  /** A statement whose rows nobody reads. */
  void: voidType as typeof voidType,
  fragment: tag.fragment,
  identifier: tag.identifier,
  join: tag.join,
  array: tag.array,
  unnest: tag.unnest,
  binary: tag.binary,
  jsonb: tag.jsonb,
}
