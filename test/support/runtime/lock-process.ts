/** Takes the lock `argv[2]` in the directory `argv[3]`, says so, and holds it until it is killed. */
import { acquireLock } from '../../../runtime/lock.ts'

acquireLock(process.argv[2] ?? '', process.argv[3])
process.stdout.write('held\n')
process.stdin.resume()
