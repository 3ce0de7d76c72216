/** The newest certified report of a feed, for who burns: it goes along, so that no old price is burned at. */
import type { NewestReport } from '../chain/burn-terms.ts'
import { certifiedReportOf } from '../protocol/report-json.ts'
import { createFeedClient } from '../sdk/feed-client.ts'

const FEED_TIMEOUT_MS = 5_000

/** Not checked here: the chain checks the certificate, and with a false one nothing is burned. */
export function newestReportFrom(feedUrl: string): NewestReport {
  const feed = createFeedClient(feedUrl, { timeoutMs: FEED_TIMEOUT_MS })
  return async () => certifiedReportOf(await feed.latest())
}
