/** Whether only this machine can be meant: the one place where `http:` is not readable by others. */
export function isLoopback(url: URL): boolean {
  const { hostname } = url
  if (hostname === 'localhost' || hostname.endsWith('.localhost') || hostname === '[::1]') return true
  return /^127(\.\d{1,3}){3}$/.test(hostname)
}
