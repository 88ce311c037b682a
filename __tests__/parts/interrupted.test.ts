import { randomBytes } from 'node:crypto'
import { createServer, connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { need, type StartedRegistry, startRegistry } from '../../scripts/part/index.ts'
import { makeRunner } from '../support/runner.ts'
import { writeSampleLayout } from '../support/sample-layout.ts'
import { askedDuring, craneAs } from './stage.ts'
import { spawn } from 'node:child_process'
import { once } from 'node:events'

const ready = await need(['registry2', 'registry3', 'crane'])
const MEBIBYTE = 1024 * 1024
