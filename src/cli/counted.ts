// How many of something, as people say it: 1 key, 2 keys.
export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`
