/**
 * Reads records of so many fields, each ended by a NUL, as they come out of a program.
 * @throws {Error} The last record is not complete.
 */
export async function* nulFields(chunks: AsyncIterable<Buffer>, perRecord: number): AsyncGenerator<Buffer[]> {
  let fields: Buffer[] = []
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of chunks) {
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk
    let from = 0
    for (let end = bytes.indexOf(0); end >= 0; end = bytes.indexOf(0, from)) {
      fields.push(bytes.subarray(from, end))
      from = end + 1
      if (fields.length < perRecord) continue
      yield fields
      fields = []
    }
    rest = bytes.subarray(from)
  }
  if (rest.length > 0 || fields.length > 0) throw new Error('the output of a program is cut off')
}
