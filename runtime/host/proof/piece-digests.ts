import { createHash, type Hash } from 'node:crypto'

/** Takes bytes in their order; `digest` is asked once, at the end. */
export interface Digesting {
  update(chunk: Uint8Array): unknown
  digest(encoding: 'hex'): string
}

/** The SHA-256 of what is read in its order, and those of its pieces: reading can be taken up between them. */
export class PieceDigests implements Digesting {
  readonly #pieceBytes: number
  readonly #whole = createHash('sha256')
  /** Of the first piece, the digest of the whole is that of the piece. */
  #piece: Hash | undefined
  #inPiece = 0
  readonly #pieces: string[] = []

  constructor(pieceBytes: number) {
    this.#pieceBytes = pieceBytes
  }

  update(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + this.#pieceBytes - this.#inPiece)
      at += part.length
      this.#whole.update(part)
      this.#piece?.update(part)
      this.#inPiece += part.length
      if (this.#inPiece === this.#pieceBytes) this.#cut()
    }
  }

  digest(encoding: 'hex'): string {
    if (this.#inPiece > 0) this.#cut()
    return this.#whole.digest(encoding)
  }

  /** In their order; none where there is only one. Complete once `digest` was asked. */
  get pieces(): readonly string[] {
    return this.#pieces.length > 1 ? this.#pieces : []
  }

  #cut(): void {
    this.#pieces.push((this.#piece ?? this.#whole.copy()).digest('hex'))
    this.#piece = createHash('sha256')
    this.#inPiece = 0
  }
}
