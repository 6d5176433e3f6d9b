/** One warm request, again and again; throws if it finds no session. */
export declare function expressOpenidConnect(sessionData: object): Promise<() => Promise<void>>
