import{h as a}from"./home-1wqYnblo.js";import"./jsx-runtime-Db4QKvah.js";export{a as default};
