import { stdin, stdout } from 'node:process'
import { createPeer, start, TOPIC, textOf } from './fixture.ts'

/**
 * One peer in a process of its own: `node peer-process.ts INDEX LISTEN BOOTSTRAP…`. Writes its address and then what it
 * hears, a line each; publishes the lines of its standard input, and ends with it.
 */
const [, , index, listen, ...bootstrap] = process.argv
const peer = createPeer(Number(index), { bootstrap, ...(listen === undefined ? {} : { listen }) })
peer.subscribe(
  TOPIC,
  1_000,
  () => 'accept',
  data => stdout.write(`heard ${textOf(data)}\n`),
)
await start(peer)
stdout.write(`address ${peer.addresses()[0]}\n`)
stdin.setEncoding('utf8')
stdin.on('data', (text: string) => {
  for (const line of text.split('\n').filter(part => part !== '')) {
    void peer.publish(TOPIC, new TextEncoder().encode(line))
  }
})
stdin.on('end', () => void peer.stop())
