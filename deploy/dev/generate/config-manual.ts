import { configJsonSchema, type JsonSchema } from '../../../runtime/config/json-schema.ts'
import { manifest } from '../../build/bundle.ts'
import { configSample } from './config-sample.ts'
import { bold, entry, example, heading, italic, paragraph, roff, title } from './roff.ts'

/** hdsync.yaml(5), from the schema that reads the config. */
export function configManual(): string {
  const schema = configJsonSchema()
  return [
    title('hdsync.yaml', 5, manifest.version, 'File formats'),
    heading('NAME'),
    `hdsync.yaml \\- ${roff('what hdsync backs up, and to where')}\n`,
    heading('SYNOPSIS'),
    `.I ${roff('/etc/hdsync/hdsync.yaml')}\n`,
    heading('DESCRIPTION'),
    paragraph(
      'A YAML file that belongs to root, as hdsync obeys it as root. Another one is named by `--config` or `HDSYNC_CONFIG`. A key that is not known is an error; a mistake is named with its line, its key, what was expected and what was found. `hdsync check` looks for what the file alone cannot tell.',
    ),
    paragraph('NAME stands for a name that you give. What has no default has to be given, or is left out.'),
    heading('KEYS'),
    ...keys(schema, '').map(({ path, schema }) =>
      entry(`${bold(path)}${value(schema)}`, schema.description ?? '', defaultOf(schema)),
    ),
    heading('EXAMPLE'),
    example(essence(configSample())),
    paragraph('One with every key is /usr/share/doc/hdsync/examples/hdsync.yaml.'),
    heading('FILES'),
    entry(italic('/usr/share/hdsync/hdsync.schema.json'), 'The JSON Schema of the file, for editors.'),
    heading('SEE ALSO'),
    '.BR hdsync (8)\n',
  ].join('')
}

interface Key {
  path: string
  schema: JsonSchema
}

/** Every key that takes a value, as it is found from the top. */
function keys(schema: JsonSchema, path: string): Key[] {
  const own = Object.entries(schema.properties ?? {}).flatMap(([name, one]) => {
    const at = path === '' ? name : `${path}.${name}`
    const inner = keys(one, at)
    return one.description || inner.length === 0 ? [{ path: at, schema: one }, ...inner] : inner
  })
  const named =
    typeof schema.additionalProperties === 'object' && schema.additionalProperties.properties
      ? keys(schema.additionalProperties, `${path}.NAME`)
      : []
  const items = schema.items?.properties ? keys(schema.items, `${path}[]`) : []
  return [...own, ...named, ...items]
}

function value(schema: JsonSchema): string {
  if (schema.enum) return `: ${roff(schema.enum.join(', '))}`
  if (schema.errorMessage) return `: ${roff(schema.errorMessage)}`
  if (schema.type === 'boolean') return ': true or false'
  if (schema.type === 'array' && !schema.items?.properties) return `: ${roff(listOf(schema.items))}`
  return ''
}

function listOf(item: JsonSchema | undefined): string {
  return item?.errorMessage ? `a list, each ${item.errorMessage}` : 'a list'
}

function defaultOf({ default: value }: JsonSchema): string {
  if (value === undefined || (typeof value === 'object' && Object.keys(value ?? {}).length === 0)) return ''
  return `Default: ${Array.isArray(value) ? value.join(', ') : String(value)}`
}

/** A config without its comments. */
function essence(text: string): string {
  return text
    .split('\n')
    .filter((line) => !/^\s*(#|$)/.test(line))
    .join('\n')
}
