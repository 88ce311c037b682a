/** How this registry reads the spec where the spec leaves a choice, or where a real registry departs from it. */
export type Rules = {
  /** Refuse a manifest whose blobs or children are missing. Default: true. */
  readonly validate?: boolean
  /** Hash uploaded blobs and refuse a wrong digest. Default: true. When false, only speed is at stake: a benchmark. */
  readonly verifyBlobs?: boolean
  /** Take `?tag=` on a manifest PUT by digest: all, or the tags that are like this. Default: false, as most do. */
  readonly multiTag?: boolean | RegExp
  /** Where `Docker-Distribution-API-Version` is sent. Default: everywhere, as `distribution` does; zot: at the root. */
  readonly apiVersion?: 'everywhere' | 'root'
  /** Answer the referrers API and `OCI-Subject`. Default: true. `unfiltered`: it lists all, whatever type was asked for. */
  readonly referrers?: boolean | 'unfiltered'
  /** Take a whole blob with the POST (201). Default: false, answers 202. */
  readonly singlePost?: boolean
  /** Mount from the repository named in `from`. Default: true. When false, always 202. */
  readonly mount?: boolean
  /** Mount without `from`, out of any repository. Default: false. */
  readonly mountAnywhere?: boolean
  /** Let an upload be cancelled. Default: true. When false, 405. */
  readonly cancel?: boolean
  /** Let manifests, tags and blobs be deleted. Default: true. When false, 405; `digests`: no tags (distribution 2: 400). */
  readonly deletes?: boolean | 'digests'
  /** Make a repository with its first content. Default: true. When false, NAME_UNKNOWN until `create` or `put`. */
  readonly createOnPush?: boolean
  /** Tags that may not move once they exist (ECR). */
  readonly immutableTags?: RegExp
  /** Most bytes in a chunk with Content-Range; above: 416 (GHCR: 4 MiB). */
  readonly chunkLimit?: number
  /** Sent as OCI-Chunk-Min-Length when an upload opens. */
  readonly chunkMinimum?: number
  /** Most bytes in a manifest; above: 413. Default: 4 MiB. */
  readonly manifestLimit?: number
  /** Most tags, repositories or referrers on a page. Default: 1000. */
  readonly pageSize?: number
  /** Give a part of a blob to who asks for one. Default: true. When false, the whole of it (200). */
  readonly ranges?: boolean
  /** Send clients to the second host: `blobs` answers a blob GET with 307, `uploads` puts uploads there. */
  readonly storage?: { readonly blobs?: boolean; readonly uploads?: boolean }
}
