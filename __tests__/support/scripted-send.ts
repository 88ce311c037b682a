import { Readable } from 'node:stream'
import type { Request, Response, Send } from '../../src/net/send.ts'

/** One answer of a script: a status, what else there is to it, or an error instead of an answer. */
export type Scripted =
  | Error
  | { readonly status: number; readonly headers?: Record<string, string | readonly string[]>; readonly body?: string }

/** A `Send` that answers from a list; the last answer stands for all further ones. It keeps what it was asked. */
export function scripted(...answers: readonly Scripted[]): Send & { readonly requests: Request[] } {
  const requests: Request[] = []
  const send: Send = async (request) => {
    const answer = answers[Math.min(requests.length, answers.length - 1)]
    requests.push(request)
    if (answer === undefined) throw new Error('the script is empty')
    if (answer instanceof Error) throw answer
    return responseOf(answer, request.url)
  }
  return Object.assign(send, { requests })
}

/** An answer without a server. */
export function responseOf(answer: Exclude<Scripted, Error>, url = new URL('https://registry.example/')): Response {
  const headers = (name: string) => [answer.headers?.[name] ?? []].flat()
  return {
    status: answer.status,
    headers,
    header: (name) => headers(name)[0],
    body: Readable.from([Buffer.from(answer.body ?? '')]),
    url,
  }
}
