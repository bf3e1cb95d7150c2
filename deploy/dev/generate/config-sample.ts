import { stringify } from 'yaml'
import { configJsonSchema, type JsonSchema } from '../../../runtime/config/json-schema.ts'

/** What the sample sets, by key; the rest is shown as a comment, with its default. */
const example = {
  sources: {
    var: { lv: 'vg01/lv_var', target: 'hdd1', exclude: ['/cache/'] },
    usr: { path: '/usr', target: 'hdd1' },
  },
  targets: {
    hdd1: {
      path: '/mnt/hdd1',
      mounts: [{ device: 'UUID=0e3c5f6a-5d1c-4b8e-9f43-2f2a7d1b9c10', at: '/mnt/hdd1', type: 'ext4' }],
    },
  },
  archive: { target: 'hdd1' },
  notify: [{ exec: ['/usr/local/bin/page-me'], on: ['run.failed', 'sync.held', 'unit.failed'] }],
}

const width = 100

/** An example of /etc/hdsync/hdsync.yaml with every key, what it means and what it is unless given. */
export function configSample(): string {
  return [
    '# yaml-language-server: $schema=file:///usr/share/hdsync/hdsync.schema.json',
    '# What hdsync backs up, and to where: /etc/hdsync/hdsync.yaml. It has to belong to root.',
    '# `hdsync init` writes one that fits this server; `hdsync check` says what is wrong with it.',
    '',
    ...map(configJsonSchema(), example, ''),
    '',
  ].join('\n')
}

/** The keys of a map: first those that are set, then the others as comments. */
function map(schema: JsonSchema, values: Record<string, unknown>, indent: string): string[] {
  const entries = Object.entries(schema.properties ?? {})
  const lines = entries.flatMap(([key, one]) => {
    const value = values[key]
    const shown = value === undefined ? unset(key, one, indent) : set(key, one, value, indent)
    const separate = indent === '' ? [''] : []
    return [...comment(one.description, indent), ...shown, ...separate]
  })
  return lines
}

function set(key: string, schema: JsonSchema, value: unknown, indent: string): string[] {
  const inner = `${indent}  `
  const named = typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined
  if (named) {
    const [first, ...others] = Object.entries(value as Record<string, Record<string, unknown>>)
    // Every key once; the other entries show what is different about them.
    return [
      `${indent}${key}:`,
      ...(first ? [`${inner}${first[0]}:`, ...map(named, first[1], `${inner}  `)] : []),
      ...others.map(([name, one]) => `${inner}${name}: ${flow(one)}`),
    ]
  }
  if (schema.properties) return [`${indent}${key}:`, ...map(schema, value as Record<string, unknown>, inner)]
  if (Array.isArray(value) && schema.items?.properties) {
    return [`${indent}${key}:`, ...value.map((one) => `${inner}- ${flow(one)}`)]
  }
  return [`${indent}${key}: ${flow(value)}`]
}

function unset(key: string, schema: JsonSchema, indent: string): string[] {
  return withDefaults(key, schema).map((line) => `${indent}# ${line}`)
}

/** A key as it is unless given. */
function withDefaults(key: string, schema: JsonSchema): string[] {
  if (schema.properties) {
    const inner = Object.entries(schema.properties).flatMap(([name, one]) => [
      ...comment(one.description, ''),
      ...withDefaults(name, one),
    ])
    return [`${key}:`, ...inner.map((line) => `  ${line}`)]
  }
  const value =
    schema.default === undefined ? `<${schema.errorMessage ?? schema.type}>` : flow(schema.default)
  return [`${key}: ${value}`]
}

function flow(value: unknown): string {
  return stringify(value, { collectionStyle: 'flow', lineWidth: 0 })
    .trim()
    .replace(/\[ (.*?) \]/g, '[$1]')
}

function comment(text: string | undefined, indent: string): string[] {
  if (!text) return []
  const room = width - indent.length
  return text.match(new RegExp(`.{1,${room}}(?: |$)`, 'g'))?.map((line) => `${indent}# ${line.trim()}`) ?? []
}
