import { describe, expect, test } from 'vitest'
import { namedImages } from '../../src/build/named-images.ts'

async function look(text: string): Promise<string[]> {
  return (await namedImages(text, 'linux/amd64')).map((image) => `${image.line} ${image.text}`)
}

describe('namedImages finds', () => {
  test.each<[string, string, string[]]>([
    [
      'the base of every stage',
      'FROM golang:1 AS a\n\nFROM node:22 AS b\nFROM alpine',
      ['1 golang:1', '3 node:22', '4 alpine'],
    ],
    ['an image once, where it comes first', 'FROM node:22\nFROM alpine\nFROM node:22', ['1 node:22', '2 alpine']],
    ['no stages', 'FROM node:22 AS base\nFROM base\nCOPY --from=base /a /b', ['1 node:22']],
    [
      'what is copied from and mounted',
      'FROM scratch\nCOPY --from=nginx:1 /a /b\nRUN --mount=from=busybox true',
      ['1 nginx:1', '1 busybox'],
    ],
    ['the syntax image', '# syntax=docker/dockerfile:1\n\nFROM scratch', ['1 docker/dockerfile:1']],
    ['defaults of arguments', 'ARG V=22\nFROM node:$V', ['2 node:22']],
    ['the others beside a stage that nobody can follow', 'ARG V\nFROM node:$V\nFROM alpine', ['3 alpine']],
    ['nothing in a text that is no Dockerfile', 'hello\nthere', []],
    ['nothing in a file that is too long', `FROM node\n#${'x'.repeat(65_536)}`, []],
    ['nothing in more stages than anybody writes', 'FROM node\n'.repeat(101), []],
    ['no name that is none', 'FROM Node:22\nFROM alpine', ['2 alpine']],
  ])('%s', async (_name, text, expected) => {
    expect(await look(text)).toEqual(expected)
  })
})
