// What somebody chose, kept by the browser for all pages: theme, language.
export const stored = (key, value) => { try { return localStorage.getItem(`sales-pulse.${key}`) ?? value; } catch { return value; } };
export const store = (key, value) => { try { localStorage.setItem(`sales-pulse.${key}`, value); } catch { /* private mode: the choice lasts as long as the page */ } };
