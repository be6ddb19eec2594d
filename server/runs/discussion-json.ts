import { type Comment, type RunEvent, selectCommentsById } from '../../shared/runs/discussion.ts'
import { selectUsers } from '../../shared/users/users.ts'
import { defineResource, toOne } from '../jsonapi/document.ts'
import { user } from '../users/json.ts'

export const runEvent = defineResource<RunEvent>({
  type: 'run-events',
  id: (e) => e.id,
  attributes: (e) => ({ action: e.action, description: e.description, 'created-at': e.created_at }),
  relationships: (e) => ({ actor: toOne('users', e.actor_user_id), comment: toOne('comments', e.comment_id) }),
  links: (e) => ({ self: `/api/v2/run-events/${e.id}` }),
  includes: {
    actor: async (rows, { app }) => ({
      resource: user,
      rows: await selectUsers(
        app.db,
        rows.flatMap((e) => e.actor_user_id ?? []),
      ),
    }),
    comment: async (rows, { app }) => ({
      resource: comment,
      rows: await selectCommentsById(
        app.db,
        rows.flatMap((e) => e.comment_id ?? []),
      ),
    }),
  },
})

export const comment = defineResource<Comment>({
  type: 'comments',
  id: (c) => c.id,
  attributes: (c) => ({ body: c.body, 'created-at': c.created_at }),
  relationships: (c) => ({
    'run-event': toOne('run-events', c.run_event_id),
    'created-by': toOne('users', c.created_by),
  }),
  links: (c) => ({ self: `/api/v2/comments/${c.id}` }),
})
