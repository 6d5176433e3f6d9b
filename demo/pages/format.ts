const whole = new Intl.NumberFormat('en')

/** `1,204` */
export function count(value: number): string {
  return whole.format(value)
}

/** How long an answer took: `1.2 µs`, `0.31 ms`. */
export function latency(ms: number): string {
  return ms < 0.1 ? `${significant(ms * 1000)} µs` : `${significant(ms)} ms`
}

/** `98.7 %`; never a hundred that isn't one. */
export function ratio(part: number, all: number): string {
  const percent = Math.floor((part / all) * 1000) / 10
  return `${percent === 100 ? '100' : percent.toFixed(1)} %`
}

/** `14:03:12`, by the clock of this machine, which is the reader's. */
export function clockTime(at: number): string {
  return new Date(at).toLocaleTimeString('en-GB')
}

/**
 * `23 h 59 min`, `29 min 58 s`, `41 s`. Its source is also put into the page, to count on there: it must lean on
 * nothing outside of itself.
 */
export function duration(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000))
  const min = Math.floor(s / 60)
  const h = Math.floor(min / 60)
  if (h > 0) return `${h} h ${min % 60} min`
  return min > 0 ? `${min} min ${s % 60} s` : `${s} s`
}

function significant(value: number): string {
  return value < 10 ? value.toPrecision(2) : whole.format(Math.round(value))
}
