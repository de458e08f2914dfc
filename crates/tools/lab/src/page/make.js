// Elements.

export const make = (name, cls, text) => {
  const made = document.createElement(name);
  if (cls) made.className = cls;
  if (text !== undefined) made.textContent = text;
  return made;
};

export const button = (text, click) => {
  const made = make("button", "", text);
  made.type = "button";
  made.addEventListener("click", click);
  return made;
};

// With a label that is there for those who don't see it, too.
export const labelled = (text, control) => {
  const label = make("label", "lab-field", `${text} `);
  label.append(control);
  return label;
};

// Control characters as pictures of themselves (U+2400 …): nothing that a program prints does anything here.
export const visible = (text) =>
  text.replace(/[\u0000-\u0008\u000b-\u001f]/g, (c) => String.fromCharCode(0x2400 + c.charCodeAt(0)))
    .replace(/\u007f/g, "\u2421");
