/** A cell that begins like a formula would be run by a spreadsheet. */
export const cell = (text: string): string => `"${text.replace(/^[=+\-@\t\r]/, "'$&").replaceAll('"', '""')}"`

export const line = (cells: readonly string[]): string => cells.map(cell).join(',')
