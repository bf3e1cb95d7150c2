import { linkSync, lstatSync, renameSync, unlinkSync } from 'node:fs'
import { TerminalError } from '../../errors.ts'
import { nameOf, type OpenFolder } from '../points/open-folder.ts'
import type { Action } from './action.ts'

/** Where a restore moves things: all on one file system. */
export interface Swap {
  /** What is restored to. */
  live: OpenFolder
  /** What was there, each by the number of its action. */
  old: OpenFolder
  /** What is put in its place. */
  fresh: Fresh
}

/** Calls back with the name of what is to come to a path. @returns undefined where there is nothing. */
export type Fresh = <T>(path: Buffer, number: number, use: (name: Buffer) => T) => T | undefined

/** Things that were unpacked, in a tree. */
export function freshTree(staged: OpenFolder): Fresh {
  return (path, _number, use) => {
    using parent = stagedParent(staged, path)
    const name = parent?.at(nameOf(path))
    return name && isThere(name) ? use(name) : undefined
  }
}

/** What another restore has set aside, each by the number of its action there. */
export function freshOf(old: OpenFolder, numberOf: (number: number) => number): Fresh {
  return (_path, number, use) => {
    const name = old.at(Buffer.from(String(numberOf(number))))
    return isThere(name) ? use(name) : undefined
  }
}

/**
 * Does one action. A file gets its second name in `old` before the new one is renamed over it: at no moment is there neither.
 * Safe to repeat, as after a crash: what was done is not done again.
 * @throws {TerminalError} Something is in the way that was not there when the restore was planned.
 */
export function swap({ op, path }: Action, number: number, { live, old, fresh }: Swap): void {
  const kept = old.at(Buffer.from(String(number)))
  if (op === 'folder') return
  if (op === 'delete') {
    using parent = live.parentOf(path)
    proveSameFileSystem(parent, live)
    setAside(parent.at(nameOf(path)), kept)
    return
  }
  fresh(path, number, (name) => {
    using parent = live.parentOf(path)
    proveSameFileSystem(parent, live)
    const here = parent.at(nameOf(path))
    if (op === 'create') create(name, here, path)
    else replace(name, here, kept)
  })
}

function create(fresh: Buffer, here: Buffer, path: Buffer): void {
  if (lstatSync(fresh).isDirectory()) {
    // A rename would take the place of an empty folder only.
    if (isThere(here)) throw appeared(path)
    renameSync(fresh, here)
    return
  }
  try {
    // Unlike a rename, it never takes the place of anything.
    linkSync(fresh, here)
    unlinkSync(fresh)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // Cut off between the two.
    if (code === 'EEXIST' && isSameFile(fresh, here)) unlinkSync(fresh)
    else if (code === 'EEXIST') throw appeared(path)
    else if (code === 'EPERM' && !isThere(here)) renameSync(fresh, here)
    else throw error
  }
}

function replace(fresh: Buffer, here: Buffer, kept: Buffer): void {
  const found = lstatSync(here, { throwIfNoEntry: false })
  const isFolder = found?.isDirectory() || lstatSync(fresh).isDirectory()
  if (found && !isThere(kept)) {
    // Of a folder there can be no second name: should it be cut off here, the record tells what goes where.
    if (isFolder) renameSync(here, kept)
    else keepBoth(here, kept)
  }
  renameSync(fresh, here)
}

function keepBoth(here: Buffer, kept: Buffer): void {
  try {
    linkSync(here, kept)
  } catch (error) {
    // A file system without hard links.
    if (!['EPERM', 'EMLINK', 'ENOTSUP'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
    renameSync(here, kept)
  }
}

function setAside(here: Buffer, kept: Buffer): void {
  if (isThere(here) && !isThere(kept)) renameSync(here, kept)
}

function stagedParent(staged: OpenFolder, path: Buffer): OpenFolder | undefined {
  try {
    return staged.parentOf(path)
  } catch {
    return undefined
  }
}

function isThere(path: Buffer): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined
}

function isSameFile(one: Buffer, other: Buffer): boolean {
  const [first, second] = [one, other].map((path) => lstatSync(path, { bigint: true }))
  return first?.ino === second?.ino && first?.dev === second?.dev
}

function proveSameFileSystem(parent: OpenFolder, live: OpenFolder): void {
  const [one, other] = [parent, live].map((folder) => lstatSync(`${folder.self}/.`).dev)
  if (one === other) return
  throw new TerminalError(`${parent.path} is on another file system than ${live.path}`)
}

function appeared(path: Buffer): TerminalError {
  return new TerminalError(`${path} has appeared since the restore was planned`, { hint: 'plan it again' })
}
