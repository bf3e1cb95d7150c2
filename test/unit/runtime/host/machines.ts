import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseSurvey, type Survey, type SurveyTexts } from '../../../../runtime/host/survey.ts'

const folder = join(import.meta.dirname, 'recorded/machines')

/** Machines of which there is a record: what lsblk 2.38, findmnt 2.38 and LVM 2.03 print there. */
export const machines = readdirSync(folder).map((name) => name.replace('.json', ''))

/** What each tool prints on a machine. */
export function printedOn(machine: string): SurveyTexts {
  const record: Record<string, unknown> = JSON.parse(readFileSync(join(folder, `${machine}.json`), 'utf8'))
  const texts = Object.entries(record).map(([tool, report]) => [tool, JSON.stringify(report)])
  return Object.fromEntries(texts)
}

export function surveyOf(machine: string): Survey {
  return parseSurvey(printedOn(machine))
}
