import { pathText, type ResourceChange } from './json.ts'

/** Why something is destroyed, replaced or read, in words. Source: action_reason of the engines' plan JSON. */
const words: Record<string, string> = {
  delete_because_no_resource_config: 'not in the configuration any more',
  delete_because_no_module: 'its module is not in the configuration any more',
  delete_because_wrong_repetition: 'count or for_each came or went',
  delete_because_count_index: 'index left count',
  delete_because_each_key: 'key left for_each',
  delete_because_no_move_target: 'moved to a resource that is not in the configuration',
  replace_because_tainted: 'tainted',
  replace_by_request: 'asked by -replace',
  replace_by_triggers: 'asked by replace_triggered_by',
  read_because_config_unknown: 'its arguments are known after apply',
  read_because_dependency_pending: 'depends on changes of this plan',
  read_because_check_nested: 'read by a check',
}

export interface Reason {
  text: string
  /** It is what a person should look at. */
  isCause?: true
}

export function reasonsOf(resource: ResourceChange): Reason[] {
  const { change, action_reason, previous_address, deposed } = resource
  const reasons: Reason[] = []
  const paths = change.replace_paths ?? []
  if (action_reason && words[action_reason]) {
    reasons.push({ text: words[action_reason], ...(action_reason.startsWith('replace') && { isCause: true as const }) })
  } else if (paths.length > 0) {
    const names = paths.slice(0, 3).map(pathText)
    const more = paths.length > 3 ? ` and ${paths.length - 3} more` : ''
    reasons.push({ text: `because of ${names.join(', ')}${more}`, isCause: true })
  }
  const order = change.actions.join()
  if (order === 'delete,create') reasons.push({ text: 'destroyed first' })
  if (order === 'create,delete') reasons.push({ text: 'created first' })
  if (order === 'create,forget' || order === 'forget,create')
    reasons.push({ text: 'the old object is kept, unmanaged' })
  if (change.importing) reasons.push({ text: 'imported' })
  if (previous_address) reasons.push({ text: `was ${previous_address}` })
  if (deposed) reasons.push({ text: 'what is left of a former replacement' })
  return reasons
}
