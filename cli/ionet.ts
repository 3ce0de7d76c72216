#!/usr/bin/env node
import { enableCompileCache } from 'node:module'
import { failureOf } from './exit.ts'
import { startLean } from './lean-memory.ts'
import { complain } from './output.ts'

startLean()

// Saves a third of the loading time from the second start on. Before anything large is loaded, so not an import.
enableCompileCache()

try {
  const { createProgram } = await import('./program.ts')
  await createProgram().parseAsync(process.argv)
} catch (error) {
  const { exitCode, sentence } = failureOf(error, { debug: process.env['IONET_DEBUG'] === '1' })
  if (sentence !== undefined) complain(sentence)
  process.exitCode = exitCode
}
