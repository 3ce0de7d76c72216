/** Style sheets are imported for their effect; vite takes them out of the code. */
declare module '*.css'
