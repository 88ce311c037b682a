import { GLOBALS, parseTemplate, plainTemplate, type Template } from '../tags/template.ts'
import type { Form } from './form.ts'
import type { InputName } from './input-table.ts'
import type { ListItem } from './lists.ts'

/**
 * A text with `{{…}}` expressions. One that cannot be understood is a mistake, and an empty template stands in for it.
 * @param known names that may stand in it
 */
export function readTemplate(form: Form, input: InputName, item: ListItem, known = GLOBALS): Template {
  const parsed = parseTemplate(item.text, known)
  if (!('why' in parsed)) return parsed
  const { why: text, meant } = parsed
  form.mistakes.push({ input, line: item.line, text, ...(meant === undefined ? {} : { meant }) })
  return plainTemplate('')
}
