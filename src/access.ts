/** How a registry is reached and who we are there. These values hold secrets and never enter a plan or a report. */

/** A way to prove who we are. */
export type Credential =
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  /** an OAuth2 refresh token, as docker's configuration keeps under `identitytoken` */
  | { readonly kind: 'identity-token'; readonly token: string }
  /** a bearer token for direct use, as docker's configuration keeps under `registrytoken` */
  | { readonly kind: 'registry-token'; readonly token: string }

/** What a login is for. */
export type LoginPlace = {
  /** host with optional port: `ghcr.io`, `docker.io` */
  readonly registry: string
  /** a path prefix within the registry, `acme` or `acme/api`; empty for all of it */
  readonly prefix: string
  readonly use: 'pull' | 'push' | 'both'
}

/** One login that the user named. */
export type Login = LoginPlace & { readonly username: string; readonly password: string }

/** A login that lives for a short time: made when it is needed, and made again before it runs out. */
export type Mint = {
  /** `undefined`: nobody is known here, and requests go out without a login. Throws `LOGIN_FAILED` and their like. */
  get(): Promise<Credential | undefined>
  /** Told of a login that a registry no longer takes, so that the next one is a new one. */
  refuse(credential: Credential): void
}

/** Whom AWS knows us as, where the user said it. */
export type AwsIdentity =
  | { readonly kind: 'keys'; readonly accessKeyId: string; readonly secretAccessKey: string }
  /** a role that the identity of the job may take on, by its ARN */
  | { readonly kind: 'role'; readonly role: string }

/** A login to Amazon ECR that is made from an identity at AWS. */
export type AwsLogin = LoginPlace & { readonly identity: AwsIdentity }

/** How registries of Amazon ECR are used. */
export type AwsAccess = {
  /** `auto`: behind the logins that docker knows; `always`: before them; `never`: no token is asked for */
  readonly tokens: 'auto' | 'always' | 'never'
  readonly logins: readonly AwsLogin[]
  /** whether a repository that is missing is created before the first upload */
  readonly createRepository: boolean
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
