import { expect } from 'chai'
import { namedBeacon, namedTranscript } from '../../../protocol/beacon/transcript.ts'
import { transcriptHashOf } from '../../../protocol/keygen/transcript.ts'
import { dealBeacon } from '../../support/protocol/beacon-key.ts'

describe('a transcript that somebody shows', () => {
  const key = dealBeacon([0, 1, 2, 3], 3, 'shown')
  const other = dealBeacon([0, 1, 2, 3], 3, 'another')
  const named = transcriptHashOf(key.transcript)

  it('gives the beacon key when it is the one that is named, and nothing when it is another', () => {
    expect(namedBeacon(named, key.transcript)).to.deep.equal(key.public)
    expect(namedTranscript(named, key.transcript)).to.have.length(4)
    expect(namedBeacon(named, other.transcript)).to.equal(undefined)
    expect(namedBeacon(undefined, key.transcript)).to.equal(undefined)
    expect(namedTranscript(named, key.transcript.subarray(1))).to.equal(undefined)
  })
})
