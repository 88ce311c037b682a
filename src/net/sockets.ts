/**
 * The few parts of undici that requests need. Its front door loads fetch, mocks, caches, WebSocket and HTTP/2 as well,
 * which took two thirds of the time to the first request.
 */
import type { Dispatcher } from 'undici'
import requestOf from 'undici/lib/api/api-request.js'
import buildConnector from 'undici/lib/core/connect.js'
import Pool from 'undici/lib/dispatcher/pool.js'

export { buildConnector, Pool }

/** `dispatcher.request(options)`; the front door would have made it a method. */
export function request(dispatcher: Dispatcher, options: Dispatcher.RequestOptions): Promise<Dispatcher.ResponseData> {
  return requestOf.call(dispatcher, options)
}
