/** How a text from the user is shown in a message: bounded, so that a pasted file does not fill the log. */
export function quoted(text: string): string {
  return `“${text.length > 80 ? `${text.slice(0, 80)}…` : text}”`
}
