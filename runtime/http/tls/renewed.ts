import { statSync } from 'node:fs'
import type { Clock } from '../../core/clock.ts'
import { reasonOf } from '../../errors.ts'
import { type Certificate, expiryText, readCertificate, type TlsSettings } from './certificate.ts'

/**
 * The certificate of a port, as its files have it now. They are looked at whenever somebody connects: a renewal needs no
 * signal, and nothing is watched while nobody comes.
 */
export class RenewedCertificate {
  readonly #settings: TlsSettings
  readonly #clock: Pick<Clock, 'now'>
  readonly #warn: (message: string) => void
  #seen = ''
  #last: Certificate | undefined

  /**
   * @param warn Told once of a pair that is broken, or expires soon.
   * @param before What is gone by while no pair of these files was good.
   */
  constructor(
    settings: TlsSettings,
    clock: Pick<Clock, 'now'>,
    warn: (message: string) => void,
    before?: Certificate,
  ) {
    this.#settings = settings
    this.#clock = clock
    this.#warn = warn
    this.#last = before
  }

  isOf({ certFile, keyFile }: TlsSettings): boolean {
    return this.#settings.certFile === certFile && this.#settings.keyFile === keyFile
  }

  /** The pair to go by: the last one that was good. @returns undefined where there has been none. */
  current(): Certificate | undefined {
    const seen = Object.values(this.#settings).map(stampOf).join(' ')
    if (seen === this.#seen) return this.#last
    this.#seen = seen
    try {
      this.#last = readCertificate(this.#settings)
      const expiry = expiryText(this.#last, this.#clock.now())
      if (expiry) this.#warn(`TLS: the certificate in ${this.#settings.certFile} ${expiry}`)
    } catch (error) {
      const instead = this.#last ? 'the certificate before it stays' : 'nobody is let in over the port'
      this.#warn(`TLS: ${instead}: ${reasonOf(error)}`)
    }
    return this.#last
  }
}

/** Changes with the file, also where a link to it is turned to another. */
function stampOf(file: string): string {
  try {
    const { dev, ino, size, mtimeMs, ctimeMs } = statSync(file)
    return [dev, ino, size, mtimeMs, ctimeMs].join(':')
  } catch {
    return 'none'
  }
}
