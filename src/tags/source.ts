// git@host:owner/name, the form that `git clone` takes for ssh (git-clone(1), "GIT URLS").
const SCP_FORM = /^(?:[^@/\s]+@)?([^:/\s]+):(?!\/\/)(.+)$/
const URL_FORM = /^(?:git\+)?(https?|ssh|git):\/\/(?:[^@/]*@)?([^/]+)\/(.+)$/

/** Whether two `org.opencontainers.image.source` name the same repository. What says nothing is nobody's. */
export function isSameSource(one: string, other: string): boolean {
  const place = placeOf(one)
  return place !== '' && place === placeOf(other)
}

/**
 * `host/owner/name` of an address, however it is spelled: web, clone or ssh address, any case, with or without `.git`.
 * A port is kept for the web, where it tells two servers apart, and not for ssh, where it is the same server's.
 */
function placeOf(source: string): string {
  const text = source
    .trim()
    .toLowerCase()
    .replace(/[?#].*$/, '')
  const [, scheme, host, path] = URL_FORM.exec(text) ?? []
  if (scheme !== undefined && host !== undefined && path !== undefined) return place(hostOf(scheme, host), path)
  if (text.includes('://')) return text
  const [, server, name] = SCP_FORM.exec(text) ?? []
  return server === undefined || name === undefined ? place('', text) : place(server, name)
}

function hostOf(scheme: string, host: string): string {
  return scheme.startsWith('http') ? host.replace(/:(?:80|443)$/, '') : host.replace(/:\d+$/, '')
}

function place(host: string, path: string): string {
  const name = path
    .replace(/^\/+|\/+$/g, '')
    .replace(/\.git$/, '')
    .replace(/\/+$/, '')
  return host === '' ? name : `${host}/${name}`
}
