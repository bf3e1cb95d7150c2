import * as z from 'zod'
import { defineEvent } from './define.ts'

/**
 * Stands for every event that is marked as external, those of the user's own functions among them. A function on
 * it takes them all; nobody can emit it.
 */
export const anyFact = defineEvent('any.fact', z.unknown(), { external: true })
