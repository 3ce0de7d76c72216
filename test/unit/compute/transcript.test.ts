import { expect } from 'chai'
import { encodeCommitment } from '../../../compute/challenge/commitment.ts'
import { drawRuleOf, ENTRIES_ONLY, WITH_ROWS } from '../../../compute/challenge/draw.ts'
import {
  decodeTranscript,
  encodeTranscript,
  MAX_COMMITMENT_BYTES,
  maxTranscriptBytes,
} from '../../../compute/challenge/transcript.ts'
import { matrixSize } from '../../../compute/matrix/size.ts'
import { DecodeError } from '../../../protocol/bytes.ts'
import { contextOf, hashOf, sign } from '../../support/compute/challenge.ts'

describe('a transcript of what a device has opened', () => {
  const roots = [hashOf(1), hashOf(2)]
  const transcript = { signed: sign(contextOf(), roots), openings: Uint8Array.of(1, 2, 3) }

  it('survives its encoding', () => {
    expect(decodeTranscript(encodeTranscript(transcript))).to.deep.equal(transcript)
  })

  it('is not read when its commitment is cut, or longer than any', () => {
    const bytes = encodeTranscript(transcript)
    expect(() => decodeTranscript(bytes.subarray(0, 100))).to.throw(DecodeError)
    const huge = Uint8Array.from(bytes)
    huge.set([0xff, 0xff], 0)
    expect(() => decodeTranscript(huge))
      .to.throw(DecodeError)
      .with.property('reason', 'TOO_LONG')
  })

  it('is never longer than its network says', () => {
    const full = encodeCommitment(sign(contextOf(), new Array(4_096).fill(hashOf(3))))
    expect(full).to.have.length(MAX_COMMITMENT_BYTES)
    expect(maxTranscriptBytes(matrixSize(4_096))).to.be.below(600_000)
  })

  it('shows whole rows of products that are large enough to hide something between entries', () => {
    expect(drawRuleOf(matrixSize(512))).to.equal(ENTRIES_ONLY)
    expect(drawRuleOf(matrixSize(1_024))).to.equal(WITH_ROWS)
  })
})
