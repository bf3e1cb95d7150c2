import { counted } from '../../count.ts'

const dayMs = 86_400_000
/** From here on the certificate of the NATS server is told of. */
export const certificateSoonMs = 30 * dayMs

/** What makes another one, on the machine of that server. */
export const anotherCertificate = 'hdsync fleet init && systemctl restart nats-server'

/**
 * What there is to say of the certificate of the NATS server, without which no host tells anything.
 * @param endsAt In milliseconds since the epoch. @returns undefined while it is good for long.
 */
export function certificateText(endsAt: number | undefined, now: number): string | undefined {
  const lastsMs = (endsAt ?? Number.POSITIVE_INFINITY) - now
  if (lastsMs >= certificateSoonMs) return undefined
  const when = lastsMs < 0 ? 'has expired' : `expires in ${counted(Math.floor(lastsMs / dayMs), 'day')}`
  return `the certificate of the NATS server ${when}`
}
