// Where the histograms of times divide: from a quarter of a millisecond to the longest that anybody waits.

/** Seconds. */
export const DURATION_BUCKETS_S = [
  0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
]
