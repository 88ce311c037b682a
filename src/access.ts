/** How a registry is reached and who we are there. These values hold secrets and never enter a plan or a report. */

/** A way to prove who we are. */
export type Credential =
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  /** an OAuth2 refresh token, as docker's configuration keeps under `identitytoken` */
  | { readonly kind: 'identity-token'; readonly token: string }
  /** a bearer token for direct use, as docker's configuration keeps under `registrytoken` */
  | { readonly kind: 'registry-token'; readonly token: string }

/** One login that the user named. */
export type Login = {
  /** host with optional port: `ghcr.io`, `docker.io` */
  readonly registry: string
  /** a path prefix within the registry, `acme` or `acme/api`; empty for all of it */
  readonly prefix: string
  readonly username: string
  readonly password: string
  readonly use: 'pull' | 'push' | 'both'
}

/** What the user said about one registry in `registry-config`, or the machine in its `certs.d` folders. */
export type RegistrySettings = {
  readonly registry: string
  /** speaks plain http, or has a certificate that nobody can check */
  readonly insecure: boolean
  /** PEM text of additional certificate authorities */
  readonly ca?: string
  /** PEM text of our own certificate and its key, for a registry that wants to see one */
  readonly client?: { readonly cert: string; readonly key: string }
  /** transfers at a time, when not as many as elsewhere */
  readonly parallel?: number
  /** why what the machine holds for this registry cannot be used; told when somebody wants to go there */
  readonly trouble?: string
}
