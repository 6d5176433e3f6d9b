/** One warm request, again and again; throws if it finds no session. */
export declare function expressSession(sessionData: object): Promise<() => Promise<void>>
