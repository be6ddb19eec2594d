import { Readable } from 'node:stream'
import type { App } from '../../shared/app.ts'
import type { Change, PlanDocument, ResourceChange } from '../../shared/plans/json.ts'
import { planArrived } from '../../shared/plans/store.ts'
import { type Claim, keepArtifact } from '../../shared/runs/hold.ts'

/** Keeps the redacted plan JSON of a held plan, as a worker does. */
export async function keepPlan(app: App, claim: Claim, plan: PlanDocument): Promise<void> {
  const schemas = ',"provider_format_version":"1.0","provider_schemas":{"registry/x":{"resource_schemas":{}}}}'
  const text = JSON.stringify({ format_version: '1.2', ...plan }).slice(0, -1) + schemas
  const blob = await app.blobs.put(Readable.from([Buffer.from(text)]), { maxBytes: 2 ** 30, tooLarge: '' })
  await keepArtifact(app, claim, 'plan-json-redacted', blob.id)
  await planArrived(app, claim.phaseId)
}

/** One change of a resource, by its address. */
export function changeOf(
  address: string,
  actions: string[],
  change: Partial<Change> = {},
  more: object = {},
): ResourceChange {
  const [, module, mode, type, name, index] =
    /^(?:(module\..+?)\.)?(data\.)?([a-z]\w*)\.(\w+)(?:\[(.+)\])?$/.exec(address) ?? []
  return {
    address,
    ...(module && { module_address: module }),
    mode: mode ? 'data' : 'managed',
    type: type!,
    name: name!,
    ...(index !== undefined && { index: JSON.parse(index) as string }),
    change: {
      actions,
      before: null,
      after: null,
      after_unknown: {},
      before_sensitive: {},
      after_sensitive: {},
      ...change,
    },
    ...more,
  }
}

/** The plan of the design's picture: something of each kind. */
export function examplePlan(): PlanDocument {
  const tags = (release: string) => ({ tags_all: { release } })
  const tagged = (address: string) =>
    changeOf(address, ['update'], { before: { id: 'x', ...tags('44') }, after: { id: 'x', ...tags('47') } })
  return {
    resource_changes: [
      changeOf(
        'aws_db_instance.reports',
        ['delete'],
        {
          before: { identifier: 'reports-prod', allocated_storage: 400, password: '(sensitive value)' },
          before_sensitive: { password: true },
        },
        { action_reason: 'delete_because_no_resource_config' },
      ),
      changeOf(
        'module.network.aws_route.default["eu-1c-legacy"]',
        ['delete'],
        { before: { id: 'r-rtb-88' } },
        { action_reason: 'delete_because_each_key' },
      ),
      changeOf('aws_instance.bastion', ['delete', 'create'], {
        before: { availability_zone: 'eu-central-1a', private_ip: '10.20.1.14', ami: 'ami-1' },
        after: { availability_zone: 'eu-central-1b', ami: 'ami-1' },
        after_unknown: { private_ip: true },
        replace_paths: [['availability_zone']],
      }),
      changeOf('module.edge.aws_security_group.public', ['update'], {
        before: { ports: ['80', '443', '9000'], rules: [{ from: 1 }, { from: 2 }] },
        after: { ports: ['80', '8443', '9000'], rules: [{ from: 1 }, { from: 3 }] },
      }),
      changeOf('module.db.aws_db_instance.main', ['update'], {
        before: { backup_retention_period: 7, password: '(sensitive value)' },
        after: { backup_retention_period: 14, password: '(sensitive value, changed)' },
        before_sensitive: { password: true },
        after_sensitive: { password: true },
      }),
      tagged('aws_vpc.main'),
      tagged('aws_internet_gateway.main'),
      tagged('aws_lb.public'),
      tagged('aws_route_table.private["eu-1a"]'),
      ...['app-1a', 'app-1b', 'db-1a', 'db-1b'].map((key, i) =>
        changeOf(`module.network.aws_subnet.private["${key}"]`, ['create'], {
          after: { vpc_id: 'vpc-0b81f4c2', cidr_block: `10.20.${i * 16}.0/20` },
          after_unknown: { id: true },
        }),
      ),
      changeOf('aws_s3_bucket.old', ['forget'], { before: { bucket: 'old-logs' } }),
      changeOf(
        'data.aws_ami.base',
        ['read'],
        { after: { owner: 'self' } },
        { action_reason: 'read_because_config_unknown' },
      ),
      changeOf('aws_iam_role.same', ['no-op'], { before: { id: 'r' }, after: { id: 'r' } }),
    ],
    resource_drift: [
      changeOf('aws_instance.bastion', ['update'], { before: { tags: { a: '1' } }, after: { tags: { a: '2' } } }),
    ],
    output_changes: {
      edge_ports: { actions: ['update'], before: [80, 443], after: [443, 8443] },
      token: {
        actions: ['create'],
        before: null,
        after: '(sensitive value)',
        after_sensitive: true,
        before_sensitive: true,
      },
    },
  }
}
