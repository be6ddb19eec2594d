import type { Launched } from './launcher.ts'

/** What a newcomer needs, ready to paste. */
export function greeting(launched: Launched): string {
  const { firstLogin, token, cli } = launched
  const ways = [
    cli.https && [
      `HTTPS${cli.https.caBundle ? ', trusting the certificate authority of this machine (not on macOS)' : ''}`,
      ...(cli.https.caBundle ? [`export SSL_CERT_FILE=${quote(cli.https.caBundle)}`] : []),
      `export TF_CLI_CONFIG_FILE=${quote(cli.https.file)}`,
    ],
    cli.http && ['plain HTTP, on this machine only', `export TF_CLI_CONFIG_FILE=${quote(cli.http.file)}`],
  ].filter((way) => way !== null)
  const login = firstLogin
    ? `${firstLogin.username} / ${firstLogin.password}   (shown only now)`
    : 'your login from the first start'
  const off = launched.takesPasswords
    ? ''
    : '\n              Passwords are switched off (TOFUTF_LOCAL_SIGN_IN): sign in through a provider, see docs/sign-in.md.'
  return `
TofuTF is ready: ${launched.url}

  Sign in     ${login}${off}
  API token   ${token ?? `make one at ${launched.url}/app/settings/tokens`}

For terraform and tofu, paste ${ways.length > 1 ? 'one of these' : 'this'} into a shell:

${ways.map(([title, ...lines], i) => `  ${'AB'[i]}. ${title}\n${lines.map((line) => `     ${line}`).join('\n')}`).join('\n\n')}

and this into a configuration:

  terraform {
    cloud {
      hostname     = "${cli.hostname}"
      organization = "${launched.organization ?? 'YOUR-ORGANIZATION'}"
      workspaces {
        name = "hello"
      }
    }
  }

Ctrl-C stops everything.
`
}

const quote = (path: string): string => (/^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`)
