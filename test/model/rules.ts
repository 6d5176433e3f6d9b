/** One switch per rule of the protocol. A mutant is the protocol with one of them off. */
export interface Rules {
  // Serve
  /** Memory answers only while the last good poll, or the entry's own read, was sent less than D ago. */
  lease: boolean
  /** Memory does not answer with what was read below the floor. */
  floor: boolean
  /** The lease is judged by the monotonic clock … */
  monotonicClock: boolean
  /** … and by the wall clock … */
  wallClock: boolean
  /** … both read at that moment, not by a timer. */
  clockReadAtServe: boolean

  // Insert
  /** The epoch is noted before a read is sent … */
  markBeforeSend: boolean
  /** … and what was read is kept only if the epoch is still that. */
  insertCheck: boolean
  /** What was read is as old as the sending of the read. */
  readAgeFromSend: boolean
  /** What was written is kept only if the epoch is the number it wrote; without a bump, what was noted. */
  writtenCheck: boolean
  /** While a write of the key is open, no read of it is kept. */
  noReadKeptWhileWriting: boolean
  /** Of writes that overlap only the last to begin is kept, if it also ends last … */
  writeStandsAlone: boolean
  /** … and only if no read brought anything newer meanwhile … */
  writeYieldsToReads: boolean
  /** … and no other write was told of anything newer, or of the end. */
  newsIsNoted: boolean
  /** What is answered but not kept drops what memory has that is older. */
  newerDropsOlder: boolean
  /** A read that finds nothing drops what memory has. */
  absentDrops: boolean

  // Join
  /** A read is joined only if it was sent at most D ago … */
  joinYoungOnly: boolean
  /** … and is not detached. */
  joinAttachedOnly: boolean
  /** A detached read inserts nothing. */
  detachedNeverInserts: boolean
  /** A read that is sent detaches the one before it. */
  sendingDetaches: boolean
  /** A read that comes back after a later one was sent detaches that one. */
  landingDetaches: boolean
  /** A write detaches the reads under way also when its outcome is known. */
  writeDetachesAgain: boolean
  /** What drops a key detaches the reads of it. */
  dropDetaches: boolean

  // Poll
  /** A poll makes fresh as of its sending. */
  freshAsOfSend: boolean
  /** A poll brings the numbers, not just a sign of life. */
  pollBringsNumbers: boolean
  /** A number that is missing means that nothing is known of the bucket until it is told again. */
  missingIsUnknown: boolean
  /** The primary answers it, not a replica that may lag. */
  pollAsksPrimary: boolean
  /** A bump that the store remembers explains a rise only if it continues what is known. */
  recentMustContinue: boolean
  /** A number below what was known when the poll was sent drops what memory has … */
  fallDropsBucket: boolean
  /** … and voids what is under way. */
  fallVoids: boolean
  /** Another incarnation clears memory … */
  incarnationClears: boolean
  /** … and voids what is under way. */
  incarnationVoids: boolean

  // Bump
  /** The change and its bump are one unit. */
  bumpIsAtomic: boolean
  /** No number is used twice, not even after a restore. */
  numberIsNew: boolean
  /** An own bump that is no news, or of another store, drops its keys all the same. */
  ownBumpDrops: boolean
  /** An own bump is applied only if it was made by the store that the view is of. */
  ownTellsIncarnation: boolean
  /** … and else voids what is under way. */
  foreignBumpVoids: boolean

  // Push
  /** One push per bucket and unit, naming all its keys. */
  onePushPerUnit: boolean
  /** A push tells which store it is of, and a foreign one is dropped. */
  pushTellsIncarnation: boolean
  /** A push that does not continue what is known raises the floor. */
  gapRaisesFloor: boolean
  /** A push that is not greater than what is known is ignored. */
  oldPushIgnored: boolean

  // Revoke, update, touch
  /** Memory lets go before the revoke is sent. */
  revokeDropsFirst: boolean
  /** An update is conditional on the version, never an upsert. */
  updateIsConditional: boolean
  /** An update that others must see bumps. */
  updateBumps: boolean
  /** A touch extends what is there, never an upsert. */
  touchIsConditional: boolean
  /** A touch vouches for nothing but the deadline: it makes no entry young again. */
  touchProlongsOnly: boolean

  // Strict revoke
  /** The greatest D is asked for after the removal. */
  strictAsksAfter: boolean
  /** An instance tells the store its D before it reads. */
  promiseBeforeRead: boolean

  // Refresh
  /** Nobody takes a lease that somebody holds. */
  leaseIsRespected: boolean
  /** A lease that ran out and a request without an answer are doubts; after two of them the token is not sent again. */
  doubtsCount: boolean
  /** Fresh tokens are stored only under the fence that they were fetched under … */
  fenceAtCommit: boolean
  /** … and merged into what the record became meanwhile. */
  commitMerges: boolean
  /** After a refusal the session is over only if the record still holds the refused token. */
  refusedReadsAgain: boolean
  /** A fresh token that may have been stored is not revoked as an orphan. */
  storedIsNoOrphan: boolean
}

export const protocol: Rules = {
  lease: true,
  floor: true,
  monotonicClock: true,
  wallClock: true,
  clockReadAtServe: true,
  markBeforeSend: true,
  insertCheck: true,
  readAgeFromSend: true,
  writtenCheck: true,
  noReadKeptWhileWriting: true,
  writeStandsAlone: true,
  writeYieldsToReads: true,
  newsIsNoted: true,
  newerDropsOlder: true,
  absentDrops: true,
  joinYoungOnly: true,
  joinAttachedOnly: true,
  detachedNeverInserts: true,
  sendingDetaches: true,
  landingDetaches: true,
  writeDetachesAgain: true,
  dropDetaches: true,
  freshAsOfSend: true,
  pollBringsNumbers: true,
  missingIsUnknown: true,
  pollAsksPrimary: true,
  recentMustContinue: true,
  fallDropsBucket: true,
  fallVoids: true,
  incarnationClears: true,
  incarnationVoids: true,
  bumpIsAtomic: true,
  numberIsNew: true,
  ownBumpDrops: true,
  ownTellsIncarnation: true,
  foreignBumpVoids: true,
  onePushPerUnit: true,
  pushTellsIncarnation: true,
  gapRaisesFloor: true,
  oldPushIgnored: true,
  revokeDropsFirst: true,
  updateIsConditional: true,
  updateBumps: true,
  touchIsConditional: true,
  touchProlongsOnly: true,
  strictAsksAfter: true,
  promiseBeforeRead: true,
  leaseIsRespected: true,
  doubtsCount: true,
  fenceAtCommit: true,
  commitMerges: true,
  refusedReadsAgain: true,
  storedIsNoOrphan: true,
}
