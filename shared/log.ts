import { type Logger, pino } from 'pino'

export type { Logger }

export function openLog(level: string, bindings: Record<string, unknown> = {}): Logger {
  return pino({
    level,
    base: { ...bindings },
    redact: {
      paths: [
        'authorization',
        '*.authorization',
        'cookie',
        '*.cookie',
        'token',
        '*.token',
        'password',
        '*.password',
        'value',
        '*.value',
      ],
      censor: '[redacted]',
    },
  })
}
