import { type Answer, answerJson, refuse } from './answer.ts'
import { deleteBlob, readBlob } from './blobs.ts'
import type { Call, Handle } from './call.ts'
import { listReferrers, listRepositories, listTags } from './listings.ts'
import { deleteManifest, putManifest, readManifest } from './manifests.ts'
import type { Store } from './store.ts'
import { cancelUpload, mountBlob, openUpload, patchUpload, putUpload, singleUpload, uploadStatus } from './uploads.ts'

/** The distribution spec, end point by end point; `issueToken` answers the token service's path. */
export function routes(store: Store, issueToken: (call: Call) => Promise<Answer>): Handle {
  return async (call) => {
    const { route } = call
    switch (route.step) {
      case 'ping':
        return answerJson(200, {})
      case 'token':
        return issueToken(call)
      case 'catalog':
        return listRepositories(store, call)
      case 'tags':
        return listTags(store, call, route)
      case 'referrers':
        return listReferrers(store, call, route)
      case 'manifest-head':
      case 'manifest-get':
        return readManifest(store, call, route)
      case 'manifest-put':
      case 'tag-put':
        return putManifest(store, call, route)
      case 'manifest-delete':
        return deleteManifest(store, call, route)
      case 'blob-head':
      case 'blob-get':
        return readBlob(store, call, route)
      case 'blob-delete':
        return deleteBlob(store, call, route)
      case 'upload-open':
        return openUpload(store, call, route)
      case 'upload-single':
        return singleUpload(store, call, route)
      case 'mount':
        return mountBlob(store, call, route)
      case 'upload-patch':
        return patchUpload(store, call, route)
      case 'upload-put':
        return putUpload(store, call, route)
      case 'upload-status':
        return uploadStatus(store, call, route)
      case 'upload-cancel':
        return cancelUpload(store, call, route)
      case 'unknown':
        return unknownRoute(route.because)
    }
  }
}

function unknownRoute(because: 'path' | 'method' | 'name'): Answer {
  if (because === 'name') return refuse('NAME_INVALID')
  return because === 'method'
    ? refuse('UNSUPPORTED')
    : refuse('UNSUPPORTED', { status: 404, message: '404 page not found' })
}
