// The organisation of keys that name no owner.
export const DEFAULT_OWNER = 'default'
