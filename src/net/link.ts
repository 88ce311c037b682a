/**
 * The target of the link with the relation `next` in `Link` fields (RFC 8288, 3), as it stands there; `undefined`: there
 * is none. Unquoted and several relations, several links in a field and several fields are all in use.
 */
export function nextLink(fields: readonly string[]): string | undefined {
  return fields.flatMap(linksIn).find(({ relations }) => relations.includes('next'))?.target
}

type Link = { readonly target: string; readonly relations: readonly string[] }

// `<target>`, then `; name=value` or `; name="value"` as often as there are any.
const LINK = /<([^<>]*)>((?:\s*;\s*[^\s=;,"]+(?:\s*=\s*(?:"[^"]*"|[^\s;,"]*))?)*)/g
const PARAMETER = /;\s*([^\s=;,"]+)(?:\s*=\s*(?:"([^"]*)"|([^\s;,"]*)))?/g
/** Longer than any page's address. */
const LONGEST_FIELD = 8 * 1024

function linksIn(field: string): readonly Link[] {
  if (field.length > LONGEST_FIELD) return []
  return [...field.matchAll(LINK)].map(([, target = '', parameters = '']) => {
    return { target: target.trim(), relations: relationsIn(parameters) }
  })
}

/** Only the first `rel` of a link counts (RFC 8288, 3.3). */
function relationsIn(parameters: string): readonly string[] {
  const named = [...parameters.matchAll(PARAMETER)].find(([, name = '']) => name.toLowerCase() === 'rel')
  const [, , quoted, bare = ''] = named ?? []
  return (quoted ?? bare).toLowerCase().split(/\s+/)
}
