// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {ERC20Votes} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Votes.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";

import {Genesis, IIO, Pools} from "./interfaces/IIO.sol";

/// @notice Documented in IIO.
contract IO is IIO, ERC20Permit, ERC20Votes {
    uint256 public constant MAX_SUPPLY = 22_300_000e18;

    address public immutable minter;
    address public immutable burner;

    address private immutable _settlement;
    address private immutable _escrow;
    address private immutable _distributor;

    constructor(address minter_, address burner_, Pools memory pools_, Genesis[] memory genesis)
        ERC20("IO", "IO")
        ERC20Permit("IO")
    {
        minter = minter_;
        burner = burner_;
        _settlement = pools_.settlement;
        _escrow = pools_.escrow;
        _distributor = pools_.distributor;
        for (uint256 i = 0; i < genesis.length; ++i) {
            _mint(genesis[i].account, genesis[i].amount);
        }
    }

    function mint(address to, uint256 amount) external {
        require(msg.sender == minter, Unauthorized(msg.sender, minter));
        _mint(to, amount);
    }

    function burnFrom(address account, uint256 amount) external {
        require(msg.sender == burner, Unauthorized(msg.sender, burner));
        _spendAllowance(account, msg.sender, amount);
        _burn(account, amount);
    }

    /// @dev Votes are counted by time, so that a governor's periods mean the same on every chain.
    function clock() public view override returns (uint48) {
        return uint48(block.timestamp);
    }

    function CLOCK_MODE() public pure override returns (string memory) {
        return "mode=timestamp";
    }

    function pools() external view returns (Pools memory) {
        return Pools(_settlement, _escrow, _distributor);
    }

    /// @dev The pools cannot delegate, nor can nobody. To know it without looking saves a cold slot a transfer: every
    /// claim, burn and settlement pays for one to four of them.
    function delegates(address account) public view override returns (address) {
        bool isPool = account == _settlement || account == _escrow || account == _distributor;
        return isPool || account == address(0) ? address(0) : super.delegates(account);
    }

    function nonces(address owner) public view override(IERC20Permit, ERC20Permit, Nonces) returns (uint256) {
        return super.nonces(owner);
    }

    /// @dev Invariant 3: checked by ERC20Votes on every mint, those of the constructor included.
    function _maxSupply() internal pure override returns (uint256) {
        return MAX_SUPPLY;
    }

    function _update(address from, address to, uint256 value) internal override(ERC20, ERC20Votes) {
        super._update(from, to, value);
    }
}
