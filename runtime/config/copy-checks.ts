import { didYouMean } from '../nearest.ts'
import type { Parts } from './loose-parts.ts'
import { either, type Finding } from './problem.ts'

/** Whether `copies` fits the other parts of a config. */
export function checkCopies(parts: Parts): Finding[] {
  return [...unknownNames(parts), ...withoutArchives(parts), ...sameTarget(parts)]
}

function unknownNames({ copies, targetNames, sourceNames }: Parts): Finding[] {
  return copies.flatMap(([name, { target, sources = [] }]) => [
    ...(target === undefined || targetNames.includes(target)
      ? []
      : [
          {
            path: ['copies', name, 'target'],
            expected: `the name of a target: ${either(targetNames)}`,
            hint: didYouMean(target, targetNames),
          },
        ]),
    ...sources.flatMap((source, i) =>
      source === undefined || sourceNames.includes(source)
        ? []
        : [
            {
              path: ['copies', name, 'sources', i],
              expected: `the name of a source: ${either(sourceNames)}`,
              hint: didYouMean(source, sourceNames),
            },
          ],
    ),
  ])
}

/** Archives are what is copied. */
function withoutArchives({ copies, hasArchive, sources }: Parts): Finding[] {
  if (!hasArchive) {
    const hint = 'say where archives go: `archive: { target: NAME }` at the top of the file'
    return copies.map(([name]) => ({
      ...{ path: ['copies', name], at: 'key' as const, hint },
      expected: 'no copies, as the config has no `archive`',
    }))
  }
  const without = sources.filter(([, { archive }]) => archive === false).map(([name]) => name)
  return copies.flatMap(([name, { sources: wanted = [] }]) =>
    wanted.flatMap((source, i) =>
      source !== undefined && without.includes(source)
        ? [{ path: ['copies', name, 'sources', i], expected: 'a source that has archives' }]
        : [],
    ),
  )
}

/** What is removed in one place must not be what another one has. */
function sameTarget({ copies, archive }: Parts): Finding[] {
  return copies.flatMap(([name, { target }], i): Finding[] => {
    if (target === undefined) return []
    const path = ['copies', name, 'target']
    if (target === archive?.target)
      return [{ path, expected: 'another target than that of `archive`', hint: 'a copy is for another disk' }]
    const earlier = copies.slice(0, i).find(([, other]) => other.target === target)
    return earlier ? [{ path, expected: `another target than that of copy ${earlier[0]}` }] : []
  })
}
