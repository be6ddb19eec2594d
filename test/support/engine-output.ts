/** What engines say, with the colours of a terminal. */
export const planLog = `Terraform v1.11.4
Initializing plugins and modules...
Terraform has been successfully initialized!
aws_vpc.main: Refreshing state... [id=vpc-1]
aws_subnet.private["app-1a"]: Refreshing state... [id=subnet-0b81f4c2]
  \x1b[1m# aws_instance.bastion\x1b[0m must be \x1b[31mreplaced\x1b[0m
\x1b[31m-\x1b[0m/\x1b[32m+\x1b[0m resource "aws_instance" "bastion" {
      \x1b[33m~\x1b[0m availability_zone = "eu-central-1a" -> "eu-central-1b" # forces replacement
    }
\x1b[1mPlan:\x1b[0m 5 to add, 6 to change, 3 to destroy.
`
export const applyLog = `aws_instance.bastion: Destroying... [id=i-0a1b]
aws_instance.bastion: Destruction complete after 12s
aws_instance.bastion: Creating...
aws_instance.bastion: Creation complete after 9s [id=i-0c2d]
\x1b[32mApply complete! Resources: 5 added, 6 changed, 3 destroyed.\x1b[0m
`

/** One line of the JSON stream of an engine that failed: why, and the line of code that it is about. */
export const diagnosticLine = (detail: string, code: string): string =>
  `${JSON.stringify({
    '@level': 'error',
    '@message': 'Error: No such subnet',
    type: 'diagnostic',
    diagnostic: {
      severity: 'error',
      summary: 'No such subnet',
      detail,
      address: 'aws_instance.a',
      range: { filename: 'net.tf', start: { line: 3 } },
      snippet: { code, context: 'resource "aws_instance" "a"' },
    },
  })}\n`

export const failure = diagnosticLine(
  'The subnet subnet-0b81f4c2 was deleted outside of this configuration.',
  'subnet_id = "subnet-0b81f4c2"',
)
