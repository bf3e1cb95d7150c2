import { existsSync, lstatSync, mkdirSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import * as events from '../../../events/index.ts'
import { loadRegistry, ownFunctions } from '../../backup/load-functions.ts'
import { sampleData } from '../../backup/sample.ts'
import { loadConfig } from '../../config/load.ts'
import { functionFiles, functionName } from '../../core/guests/load-files.ts'
import { HdsyncError, UsageError } from '../../errors.ts'
import { didYouMean } from '../../nearest.ts'
import { shellQuote } from '../../shell-quote.ts'
import { exitCodes } from '../exit-codes.ts'
import type { Io } from '../io.ts'
import { exportedEvents } from './functions-events.ts'
import { functionText, testText, type Wish } from './functions-text.ts'

export interface NewOptions {
  on: string
  dir?: string
  config?: string
  json?: boolean
}

/** What `hdsync` is for editors, tsc and `node --test`. */
const ourPackage = join(dirname(ownFunctions), 'runtime')

/**
 * `hdsync functions new`: writes a function of the user's, and a test beside it. Never overwrites a file.
 * @throws {UsageError} The name or the event will not do, or there is such a function already.
 */
export async function newFunctionCommand(name: string, options: NewOptions, io: Io): Promise<number> {
  checkName(name)
  const config = options.dir ? undefined : await loadConfig({ path: options.config, env: io.env })
  const folder = resolve(options.dir ?? config?.functions ?? '')
  const twin = await twinOf(name, folder)
  if (twin !== undefined)
    throw new UsageError(`there is a function ${name} already: ${twin}`, { hint: 'take another name' })
  const wish = await wishOf(name, options.on, folder, config?.state)

  const files = { [`${name}.ts`]: functionText(wish), [`${name}.test.ts`]: testText(wish) }
  for (const file of Object.keys(files)) {
    if (existsSync(join(folder, file))) {
      throw new UsageError(`${join(folder, file)} is there already, and is not overwritten`, {
        hint: 'take another name, or move the file away',
      })
    }
  }
  try {
    mkdirSync(folder, { recursive: true, mode: 0o755 })
    for (const [file, text] of Object.entries(files)) writeNew(join(folder, file), text)
    equip(folder)
  } catch (error) {
    throw new HdsyncError(`cannot write to ${folder}: ${(error as Error).message}`, { cause: error })
  }
  const written = Object.keys(files).map((file) => join(folder, file))
  if (options.json) io.stdout(`${JSON.stringify({ name, on: options.on, files: written })}\n`)
  else io.stdout(`${written.map((file) => `wrote ${file}\n`).join('')}${nextSteps(wish)}`)
  return exitCodes.succeeded
}

/** @throws {UsageError} It cannot be one. */
function checkName(name: string): void {
  if (!/^[a-z][a-z0-9]*([.-][a-z0-9]+)*$/.test(name) || name.endsWith('.test')) {
    throw new UsageError(`${JSON.stringify(name)} cannot be the name of a function`, {
      hint: 'it takes lower-case letters and digits, joined by - or ., such as tell-monitor',
    })
  }
}

/** The file of the function that has a name, whether it can be loaded or not. */
async function twinOf(name: string, folder: string): Promise<string | undefined> {
  const { functions } = await loadRegistry({ ours: ownFunctions, users: '' }, events.catalogue)
  const own = functions.find((one) => one.name === name)
  return own?.file ?? functionFiles(folder).find((file) => functionName(file) === name)
}

/** The functions that are there are loaded only where an event is one of theirs. */
async function wishOf(name: string, type: string, folder: string, state: string | undefined): Promise<Wish> {
  const event = events.catalogue.get(type)
  const [constant] = Object.entries(events).find(([, value]) => value === event) ?? []
  if (event && constant) return { name, constant, type, sample: sampleData(event) }
  const own = exportedEvents(folder)
  const found = own.find((one) => one.type === type)
  if (found) {
    const { constant, from } = found
    const folders = { ours: ownFunctions, users: folder, ...(state !== undefined && { state }) }
    const registry = await loadRegistry(folders, events.catalogue)
    registry.close()
    const declared = registry.event(type)
    return { name, constant, type, from, sample: declared ? sampleData(declared) : {} }
  }
  const known = [...events.catalogue.keys(), ...own.map((one) => one.type)].sort()
  throw new UsageError(`there is no event ${JSON.stringify(type)}`, {
    hint: didYouMean(type, known) ?? `there are ${known.join(', ')}`,
  })
}

function nextSteps({ name, sample }: Wish): string {
  const invoke = shellQuote(['hdsync', 'functions', 'invoke', name, '--data', JSON.stringify(sample)])
  return `it takes part from the next run on; until then:
  hdsync functions test ${name}
  ${invoke}
`
}

/**
 * What editors, tsc and `node --test` need to know what `hdsync` is; it brings the types of Node along. hdsync itself
 * needs none of it.
 */
function equip(folder: string): void {
  const compilerOptions = {
    target: 'esnext',
    module: 'nodenext',
    lib: ['esnext'],
    noEmit: true,
    strict: true,
    erasableSyntaxOnly: true,
    verbatimModuleSyntax: true,
    allowImportingTsExtensions: true,
    skipLibCheck: true,
  }
  writeMissing(join(folder, 'package.json'), { private: true, type: 'module' })
  writeMissing(join(folder, 'tsconfig.json'), { compilerOptions, include: ['*.ts'] })
  link(join(folder, 'node_modules/hdsync'), ourPackage)
}

function writeMissing(file: string, content: object): void {
  if (!existsSync(file)) writeNew(file, `${JSON.stringify(content, null, 2)}\n`)
}

function writeNew(file: string, text: string): void {
  writeFileSync(file, text, { flag: 'wx', mode: 0o644 })
}

/** A link that leads to an hdsync elsewhere, or nowhere any more, is renewed; anything else is left alone. */
function link(path: string, to: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found && (!found.isSymbolicLink() || readlinkSync(path) === to)) return
  rmSync(path, { force: true })
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 })
  symlinkSync(to, path)
}
